"""The machine, as every benchmark prints it."""

from zhupei.kernel.machine import machine

__all__ = ["machine"]
