"""Notes logins and activities while a request runs, and writes those that hold once its view is done."""
