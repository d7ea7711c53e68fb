"""Would mail from a domain pass at the large mailbox providers: what its DNS says, and what to publish there.

names → lookups → spf, dkim, dmarc, mx → rules. Nothing but the DNS is asked, and only for TXT, MX, A and AAAA.
"""
