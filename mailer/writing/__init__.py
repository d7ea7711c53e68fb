"""From what a person wrote to what is sent: always a plain-text template, and a finished HTML one where it has one."""
