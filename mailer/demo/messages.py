"""What the demo's owner has written: subject and body of each message."""

WELCOME = (
    "Welcome, {{ recipient.full_name | default: 'friend' }}!",
    """Hello {{ recipient.full_name | default: "friend" }},

thank you for joining us. From now on you will hear from us about once a month: what we have built, what we have
learned, and where you can meet us.

This mail went to {{ recipient.email }}. If that is not you, just reply and we will put it right.

Yours,
the Demo team

--
No more of these? {{ unsubscribe_url }}
""",
)

AUTUMN_NEWS = (
    "Autumn news: three things worth your five minutes",
    """Dear {{ recipient.full_name | default: "reader" }},

1. The new workshop opens on the first of December. Everybody on this list may bring a friend.
2. The winter catalogue is ready. We printed fewer pages and used better paper.
3. Our opening hours change: Monday to Saturday, 9:00 to 18:00.

See you soon!

--
You get this at {{ recipient.email }} because you asked for it. No more of these? {{ unsubscribe_url }}
""",
)

MAINTENANCE = (
    "Planned maintenance on Sunday",
    """Hello {{ recipient.full_name | default: "there" }},

on Sunday between 6:00 and 8:00 our site will be down while we move it to new machines.
Nothing is needed from you. If anything looks odd afterwards, tell us.
{% if recipient.comment != blank %}
Our note on you says: {{ recipient.comment }}
{% endif %}
The Demo team

--
No more of these? {{ unsubscribe_url }}
""",
)

MESSAGES = (WELCOME, AUTUMN_NEWS, MAINTENANCE)
