"""What annotation files hold, what is wrong with them, and whether photographs occur twice."""
