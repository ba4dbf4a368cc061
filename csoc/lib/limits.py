"""From which figures a technician is warned about a trailer: typed, with the contract's own values.

`CSOC_FLEET_LIMITS` changes some of them, as JSON: `{"soc_red_pct": 20, "tilt_deg": 8}`. What is not known,
out of range or upside down stops the program at start.
"""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Limits(BaseModel):
    """Units are in the names; amber comes before red."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    soc_amber_pct: float = Field(default=50, ge=0, le=100)
    soc_red_pct: float = Field(default=25, ge=0, le=100)
    #: Here the trailer's own controller switches the sensors off to save the battery.
    soc_stop_pct: float = Field(default=10, ge=0, le=100)
    fuel_amber_pct: float = Field(default=30, ge=0, le=100)
    fuel_red_pct: float = Field(default=15, ge=0, le=100)
    generator_start_s: float = Field(default=90, gt=0, le=3600)
    #: No sun around noon for so long.
    solar_dark_s: float = Field(default=7200, gt=0, le=86_400)
    cabinet_hot_c: float = Field(default=60, ge=-50, le=120)
    cabinet_cold_c: float = Field(default=-20, ge=-80, le=50)
    tilt_deg: float = Field(default=5, gt=0, le=90)
    link_amber_s: float = Field(default=90, gt=0, le=86_400)
    link_red_s: float = Field(default=300, gt=0, le=86_400)
    clock_amber_ms: float = Field(default=5_000, gt=0)
    #: From here the console refuses the trailer's signatures.
    clock_red_ms: float = Field(default=30_000, gt=0)
    list_amber_h: float = Field(default=26, gt=0)
    list_red_h: float = Field(default=48, gt=0)
    #: Figures older than this are shown as what they are: old.
    figures_old_s: float = Field(default=600, gt=0)
    #: With less room than this on the disk, telemetry is refused so that alerts still find some.
    disk_free_mb: int = Field(default=512, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> "Limits":
        wrong = [
            names
            for names, right in (
                ("soc_stop_pct, soc_red_pct, soc_amber_pct",
                 self.soc_stop_pct <= self.soc_red_pct <= self.soc_amber_pct),
                ("fuel_red_pct, fuel_amber_pct", self.fuel_red_pct <= self.fuel_amber_pct),
                ("cabinet_cold_c, cabinet_hot_c", self.cabinet_cold_c < self.cabinet_hot_c),
                ("link_amber_s, link_red_s", self.link_amber_s <= self.link_red_s),
                ("clock_amber_ms, clock_red_ms", self.clock_amber_ms <= self.clock_red_ms),
                ("list_amber_h, list_red_h", self.list_amber_h <= self.list_red_h),
            )
            if not right
        ]  # fmt: skip
        if wrong:
            raise ValueError("CSOC_FLEET_LIMITS must rise in this order: " + "; ".join(wrong))
        return self
