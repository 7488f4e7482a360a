"""Version, models by default, precisions and disclaimer of the program."""

__version__ = "0.1.0"
DEFAULT_MODEL = "unet-lits"
CLICK_MODEL = "lesion-click"
AUTO_LIVER, NO_LIVER = "auto", "none"
"""In place of a model for the liver: the model by default where the main one marks lesions alone; and none at all."""

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
DISCLAIMER = "For research only. This is not a medical device: do not base diagnosis or treatment on it."

HOMEPAGE = "https://github.com/livertumorseg/SlicerLiverTumorSeg"
