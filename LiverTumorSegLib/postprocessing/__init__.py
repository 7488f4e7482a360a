"""Clean-up of what a network marked: which steps there are, their settings, and the steps themselves."""
