"""The pages of a job: its story and progress, what starts, stops, approves and undoes it, and its certificate."""
