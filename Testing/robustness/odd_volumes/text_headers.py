"""Headers of NRRD and MetaImage that state what is wrong, impossible, or nothing."""

from __future__ import annotations

from .case import IMPOSSIBLE, Case, Handled, Refused, file
from .formats import metaimage, nrrd
from .grid import BODY, Grid

NI, NJ, NK = BODY.voxels.shape[::-1]
DIRECTIONS = "(0.75,0,0) (0,0.875,0) (0,0,2.5)"
AXIAL = "0.75 0.875 2.5"
REFUSED = (*IMPOSSIBLE, "not in mm", "numbers a voxel", "not a file that can be read", "control characters")
ELSEWHERE = ("outside its own folder", "in several files", "not a file that can be read")
UNPLACED = "does not say how the patient lies"

NRRD_REFUSED = {
    "a size of 0": {"sizes": f"{NI} 0 {NK}"},
    "a negative size": {"sizes": f"{NI} -{NJ} {NK}"},
    "a size that is no number": {"sizes": f"{NI} many {NK}"},
    "too few sizes": {"sizes": f"{NI} {NJ}"},
    "too many sizes": {"sizes": f"{NI} {NJ} {NK} 1"},
    "no sizes": {"sizes": None},
    "one slice more than there is": {"sizes": f"{NI} {NJ} {NK + 1}"},
    "a petabyte": {"sizes": "100000 100000 100000"},
    "sizes beyond 64 bits": {"sizes": "9999999999 9999999999 9999999999"},
    "sizes whose product wraps round": {"sizes": f"4294967296 4294967296 {NK}"},
    "a size of 2^64 and what there is": {"sizes": f"{2**64 + NI} {NJ} {NK}"},
    "a dimension of 0": {"dimension": 0},
    "a dimension of 17": {"dimension": 17},
    "a negative dimension": {"dimension": -3},
    "no dimension": {"dimension": None},
    "a type that is none": {"type": "quaternion"},
    "a block for a type": {"type": "block", "block_size": 2},
    "no type": {"type": None},
    "an encoding that is none": {"encoding": "rot13"},
    "no encoding": {"encoding": None},
    "directions of zeros": {"space_directions": "(0,0,0) (0,0,0) (0,0,0)"},
    "directions of NaN": {"space_directions": "(nan,0,0) (0,0.875,0) (0,0,2.5)"},
    "infinite directions": {"space_directions": "(inf,0,0) (0,0.875,0) (0,0,2.5)"},
    "directions in one plane": {"space_directions": "(0.75,0,0) (1.5,0,0) (0,0,2.5)"},
    "directions of 1e300": {"space_directions": "(1e300,0,0) (0,0.875,0) (0,0,2.5)"},
    "no directions but none": {"space_directions": "none none none"},
    "an origin of NaN": {"space_origin": "(nan,0,0)"},
    "an origin at 1e300": {"space_origin": "(1e300,0,0)"},
    "micrometres": {"space_directions": "(750,0,0) (0,875,0) (0,0,2500)", "space_units": '"um" "um" "um"'},
    "metres": {"space_directions": "(0.00075,0,0) (0,0.000875,0) (0,0,0.0025)", "space_units": '"m" "m" "m"'},
    "a spacing of 0": {"space": None, "space_directions": None, "space_origin": None, "spacings": "1 0 1"},
    "a negative spacing": {"space": None, "space_directions": None, "space_origin": None, "spacings": "1 -1 1"},
    "bytes to skip beyond its end": {"byte_skip": 10**6},
    "lines to skip beyond its end": {"line_skip": 10**9},
}
NO_SPACE = {"space": None, "space_directions": None, "space_origin": None, "spacings": AXIAL}
AT_ZERO = Grid(BODY.voxels, BODY.affine.copy())
AT_ZERO.affine[:3, 3] = 0
NRRD_HANDLED = {
    "axes to the right, the front and the head": (
        {
            "space": "right-anterior-superior",
            "space_directions": "(-0.75,0,0) (0,-0.875,0) (0,0,2.5)",
            "space_origin": "(40,60,-30)",
        },
        BODY,
        "",
    ),
    "axes said in letters": ({"space": "LPS"}, BODY, ""),
    "axes to the left, the front and the head": (
        {
            "space": "left-anterior-superior",
            "space_directions": "(0.75,0,0) (0,-0.875,0) (0,0,2.5)",
            "space_origin": "(-40,60,-30)",
        },
        BODY,
        "",
    ),
    "no space": (NO_SPACE, AT_ZERO, UNPLACED),
    "a space of three dimensions without names": ({"space": None, "space_dimension": 3}, BODY, UNPLACED),
    "axes of the scanner": ({"space": "scanner-xyz"}, BODY, UNPLACED),
    "its unit": ({"space_units": '"mm" "mm" "mm"'}, BODY, ""),
    "comments and own keys": ({"content": "\u2603 <script>", "measured by:=": "x", "# a comment": "y"}, BODY, ""),
    "no origin": ({"space_origin": None}, AT_ZERO, ""),
    "labels": ({"labels": '"x" "y" "z"'}, BODY, ""),
    "bytes to skip": ({"byte_skip": -1}, BODY, ""),
}

META_REFUSED = {
    "a size of 0": {"DimSize": f"{NI} 0 {NK}"},
    "a negative size": {"DimSize": f"{NI} -{NJ} {NK}"},
    "a size that is no number": {"DimSize": f"{NI} many {NK}"},
    "too few sizes": {"DimSize": f"{NI} {NJ}"},
    "no sizes": {"DimSize": None},
    "one slice more than there is": {"DimSize": f"{NI} {NJ} {NK + 1}"},
    "a petabyte": {"DimSize": "100000 100000 100000"},
    "sizes beyond 64 bits": {"DimSize": "9999999999 9999999999 9999999999"},
    "sizes whose product wraps round": {"DimSize": f"65536 65536 {NK}"},
    "a dimension of 0": {"NDims": 0},
    "a dimension of 99": {"NDims": 99},
    "a negative dimension": {"NDims": -3},
    "no dimension": {"NDims": None},
    "a type that is none": {"ElementType": "MET_QUATERNION"},
    "no type": {"ElementType": None},
    "a spacing of 0": {"ElementSpacing": "0.75 0 2.5"},
    "a negative spacing": {"ElementSpacing": "0.75 -0.875 2.5"},
    "a spacing of NaN": {"ElementSpacing": "0.75 nan 2.5"},
    "an infinite spacing": {"ElementSpacing": "0.75 inf 2.5"},
    "a spacing of 1e300": {"ElementSpacing": "0.75 1e300 2.5"},
    "a matrix of zeros": {"TransformMatrix": "0 0 0 0 0 0 0 0 0"},
    "a matrix of NaN": {"TransformMatrix": "nan 0 0 0 1 0 0 0 1"},
    "a singular matrix": {"TransformMatrix": "1 0 0 1 0 0 0 0 1"},
    "an origin of NaN": {"Offset": "nan 0 0"},
    "an origin at 1e300": {"Offset": "1e300 0 0"},
    "no voxels": {"ElementDataFile": ""},
    "compression that it does not have": {"CompressedData": True, "CompressedDataSize": 100},
    "compressed petabytes": {"CompressedData": True, "CompressedDataSize": 10**15},
    "-3 channels": {"ElementNumberOfChannels": -3},
    "a billion channels": {"ElementNumberOfChannels": 10**9},
    "text for voxels": {"BinaryData": False},
}
META_HANDLED = {
    "no matrix": ({"TransformMatrix": None}, BODY, UNPLACED),
    "no origin": ({"Offset": None}, AT_ZERO, ""),
    "its origin as a position": ({"Offset": None, "Position": "-40 -60 -30"}, BODY, ""),
    "the letters of its axes": ({"AnatomicalOrientation": "RAI"}, BODY, ""),
    "a comment": ({"Comment": "\u2603 <script>"}, BODY, ""),
    "a range": ({"ElementMin": "nan", "ElementMax": "-1e300"}, BODY, ""),
}

OUTSIDE = ("/dev/zero", "/etc/passwd", "../voxels.raw", "ct%03d.raw 1 6 1", "LIST", ".", "none.raw", "")
CASES = [
    *(
        Case(f"NRRD with {w}", file("ct.nrrd", nrrd(**changes)), Refused(REFUSED))
        for w, changes in NRRD_REFUSED.items()
    ),
    *(
        Case(f"NRRD with {words}", file("ct.nrrd", nrrd(**changes)), Handled(grid, says))
        for words, (changes, grid, says) in NRRD_HANDLED.items()
    ),
    *(
        Case(f"MetaImage with {w}", file("ct.mha", metaimage(**changes)), Refused(REFUSED))
        for w, changes in META_REFUSED.items()
    ),
    *(
        Case(f"MetaImage with {words}", file("ct.mha", metaimage(**changes)), Handled(grid, says))
        for words, (changes, grid, says) in META_HANDLED.items()
    ),
    *(
        Case(f"NRRD with its voxels in “{name}”", file("ct.nhdr", nrrd(body=b"", data_file=name)), Refused(ELSEWHERE))
        for name in OUTSIDE
    ),
    *(
        Case(
            f"MetaImage with its voxels in “{name}”",
            file("ct.mhd", metaimage(body=b"", ElementDataFile=name)),
            Refused(ELSEWHERE),
        )
        for name in OUTSIDE
    ),
]
