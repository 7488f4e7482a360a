"""The one kind of error that is shown to users as it is."""


class UserError(Exception):
    """Something the user can mend: one plain sentence that names the file and what to do."""
