"""The one server: who may come in, what is passed through to which session, and the queue of all jobs."""
