"""Notes logins and activities during a request, and writes those that hold after its view."""
