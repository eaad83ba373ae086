"""One package per command of ``tools/``; none imports another, and nothing else imports them."""
