"""Annotations that limit what a parameter may be; a value outside is a ValueError."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            msg = f"{value} is not between {self.minimum} and {self.maximum}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Minimum:
    minimum: float

    def validate(self, value):
        if value < self.minimum:
            msg = f"{value} is less than {self.minimum}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Maximum:
    maximum: float

    def validate(self, value):
        if value > self.maximum:
            msg = f"{value} is more than {self.maximum}"
            raise ValueError(msg)


@dataclass(frozen=True)
class Choice:
    choices: list

    def validate(self, value):
        if value not in self.choices:
            msg = f"{value!r} is none of {self.choices}"
            raise ValueError(msg)
