"""What a person should know before a mailing goes out: to whom, from whom, for how long, and what may go wrong."""
