"""From what a person wrote to what is sent: a plain-text template always, and a finished HTML one. Pure but `freeze`."""
