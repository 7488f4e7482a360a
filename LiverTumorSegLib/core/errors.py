"""The one kind of error that is shown to users as it is."""


class UserError(Exception):
    """Something the user can mend: one plain sentence that names the file and what to do.

    Example:
        >>> import LiverTumorSegLib as lts
        >>> try:
        ...     lts.read_volume("none.nii.gz")
        ... except lts.UserError as error:
        ...     print(error)
        none.nii.gz does not exist: check the name.
    """
