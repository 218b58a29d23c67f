"""The SRTP engines of the rows: a library, and the widest instruction set that it may use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    name: str = "ipsec_mb"  # as in [crypto] engine
    isa: str = "auto"  # as in [crypto] instruction_set

    @property
    def label(self):
        return self.name if self.isa == "auto" else f"{self.name} {self.isa}"

    @property
    def is_best(self):
        """The one that sluiced chooses where the CPU has AVX-512. Targets are for it."""
        return self == BEST

    def configuration(self):
        return {"engine": self.name, "instruction_set": self.isa}

    def columns(self):
        return {"engine": self.name, "isa": self.isa}


BEST = Engine()
AVX2 = Engine("ipsec_mb", "avx2")
LIBSRTP = Engine("libsrtp")


def is_best(row):
    """Whether a row of the results is of the best engine."""
    return row["engine"] == BEST.name and row.get("isa", BEST.isa) == BEST.isa
