"""Two CTs of one patient: registration on the liver, who is which lesion, and what has changed."""
