"""A configuration to begin with."""

TOML = """\
# LiverTumorSeg beside an archive. For research only: not a medical device.
# Start it with: livertumorseg pacs --config pacs.toml
# What is commented out shows what it is where it is not stated, or what may be added.

# The service's own folder: its queue, images until they are done, reports. Relative paths begin at this file's folder.
folder = "livertumorseg-pacs"

# page = false               # no page in a browser

# CT images that are sent here by C-STORE. Leave this out if [watch] alone is wanted.
[receive]
ae_title = "LIVERTUMORSEG"
address = "127.0.0.1"        # of this machine, to listen on; 0.0.0.0 for all its addresses
port = 11112
# quiet_seconds = 30         # a series is whole when no image of it has come for so long
# associations = 10          # at once; more are rejected, and a sender that does not try again loses what it had

# Who may send; nobody else is served. A title is no secret, and any machine may call itself so: where other
# machines can connect, give the sender's address, too, or let it show a certificate; without both, `pacs check` warns.
[[receive.senders]]
ae_title = "SCANNER"
# address = "192.0.2.10"

# Encryption: senders must then show a certificate that one of these authorities has signed.
# [receive.tls]
# certificate = "pacs.pem"
# key = "pacs.key"
# authorities = "authorities.pem"

# A DICOMweb server that is asked for new CT series, instead of [receive] or beside it.
# [watch]
# url = "https://pacs.example/dicom-web"
# user = "research"
# password_file = "password.txt"
# every_seconds = 60
# quiet_seconds = 60         # a series is whole when its number of images has not changed for so long
# days = 1                   # studies of so many days back

# What reached the archive while the service was down, or did not get through, is found again: the archive is searched
# at the start and every night. It is the watched one, else the one that results go to: asked by QIDO-RS where that is a
# DICOMweb server, else by C-FIND and C-MOVE. For C-MOVE it must be one of the senders, and know the ae_title, address
# and port of this service. Every CT series is fetched that one of the rules fits.
# [catch_up]
# days = 2                   # studies of so many days back at most, and none from before the service's first start
# at_once = 20               # no more is fetched while so many series are not yet done
# hour = 2                   # of the night, in this machine's time

# Which series run: those that one of the rules fits, wholly.
[[rules]]
# body_part = ["ABDOMEN", "LIVER"]   # one of these is Body Part Examined, in any case
# description = "venous|portal"      # a regular expression, any case, in the first 128 characters of Series Description
# not_description = "lung"           # one that is not found there
thickest_mm = 5.0                    # of the attribute Slice Thickness; thinnest_mm, too, may be given
fewest_images = 20

[segment]
model = "unet-lits"          # a name that `livertumorseg models list` shows, or a path such as ./model
device = "auto"              # auto, cpu, cuda:N or mps
precision = "auto"           # auto, float32, bfloat16 or float16
lesion_segments = "each"     # each lesion is a segment of its own; or one for all
# liver_model = "auto"       # whose liver a model of lesions alone gets; auto for unet-lits, or none
# also = ["VESSELS"]         # models of other structures

# [send]
# segmentation = "binary"    # or "deflated", or "label map": far smaller, and binary where the archive does not take it

# Where the results go: one of these two.
[send.dicom]
ae_title = "PACS"
address = "127.0.0.1"
port = 104
# calling = "LIVERTUMORSEG"
# [send.web]
# url = "https://pacs.example/dicom-web"

# [limits]
# image_mb = 64              # of one image
# enhanced_mb = 1000         # of one enhanced CT, which holds a whole series
# series_images = 5000       # of one series
# waiting_series = 500       # that are not yet done
# free_gb = 2                # that the disk must have left
# segment_minutes = 60       # a series that takes longer fails
# segment_tries = 3          # where the segmentation process, or the service, dies
# retry_seconds = 30         # until the second try; the pause doubles with each failure
# longest_retry_seconds = 3600
# send_days = 7              # an archive that cannot be reached is tried for so long
# keep_days = 30             # reports and measurements stay on this machine for so long

# A page for a browser on this machine alone, with the queue and the reports; port 0 for one that is free.
[page]
port = 0
# identifiers = false        # true: accession numbers and patients' IDs are shown there, and kept in the queue's file

# Somebody is told when a job failed for good, or the archive was away for long; an alert has no identifiers.
# [alerts]
# command = ["/usr/bin/mail", "-s", "LiverTumorSeg", "a@b.example"]   # no shell; a sentence on standard input
# url = "https://chat.example/hooks/livertumorseg"                    # gets JSON: event, job, text
# archive_minutes = 60

# Several services share the work of one DICOMweb server so, with [watch] and without [receive]; see the documentation.
# [share]
# database = "postgresql://livertumorseg@db.example/livertumorseg"
"""
