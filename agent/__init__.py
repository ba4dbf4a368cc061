"""The trailer agent: a client of the console's API (contract v1) that imports no app of the console."""

VERSION = "0.1.0"
