"""A believable month of three agencies, as entries: who looked at what, when and why. All invented.

Shifts, alerts with what follows them (acknowledging, looking, watching, moving the camera, closing),
sign-ins, refusals, a few readings of the log. The same seed and start give the same month.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audit.appender import New
from audit.entry import canonical
from audit.lines import Sealable

#: Agency -> share of all that happens, and how many people and trailers it has.
AGENCIES = {"DEMO-PS": (0.7, 36, 14), "NORTH-RP": (0.2, 18, 8), "LAKE-PS": (0.1, 9, 4)}
FIRST = (
    "Avery", "Mika", "Jo", "Luc", "Dana", "Eli", "Noor", "Priya", "Tomas", "Ines", "Omar", "Wei", "Sofia",
    "Kofi", "Anya", "Ravi", "Léa", "Björn", "Marta", "Idris",
)  # fmt: skip
LAST = (
    "Singh", "Roy", "Beaulieu", "Ferrand", "Okafor", "Venn", "Haddad", "Novak", "Quill", "Ashby", "Osei",
    "Laurent", "Duarte", "Kowal", "Mbeki", "Tran",
)  # fmt: skip
REASONS = ("gunshot", "plate-hit", "officer-safety", "welfare-check")
#: Names that would do harm where text is taken for anything else.
HOSTILE = ("<img src=x onerror=alert(1)>", "Robert'); DROP TABLE audit_log;--", "\u202eemaN", "{{7*7}}")
#: How much happens in each hour after the month's start.
BUSY_HOURS = (3, 2, 2, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 7, 5)


class Agency:
    """People and trailers of one agency; the first trailers of the first are those of the demonstration."""

    def __init__(self, code: str, people: int, trailers: range, dice: random.Random) -> None:
        self.code = code
        numbers = [2000 + trailers.start * 100 + position for position in range(people)]
        self.people = [self._person(number, position, dice) for position, number in enumerate(numbers)]
        self.officer = self._person(numbers[-1] + 1, 0, dice) | {"role": "privacy_officer"}
        self.trailers = [f"TRL-{number:04d}" for number in trailers]

    def _person(self, number: int, position: int, dice: random.Random) -> dict[str, Any]:
        name = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
        if position in (3, 7, 11, 15) and self.code == "DEMO-PS":
            name = HOSTILE[position // 4]
        return {
            "kind": "person",
            "id": f"u-{number}",
            "badge": str(3000 + number),
            "role": "dispatcher" if position % 5 else "supervisor",
            "agency": self.code,
            "name": name,
            "auth": "totp",
            "ip": f"10.{number % 200}.4.{number % 250}",
        }


class Month:
    """``n`` entries from ``start`` on, over ``days`` days."""

    def __init__(self, seed: int, n: int, start: datetime, days: int = 30) -> None:
        self.dice = random.Random(seed)
        self.n, self.start, self.days = n, start, days
        self.agencies = []
        first = 1
        for code, (_share, people, trailers) in AGENCIES.items():
            self.agencies.append(Agency(code, people, range(first, first + trailers), self.dice))
            first += trailers
        self.shares = [share for share, _people, _trailers in AGENCIES.values()]
        self.sessions: dict[str, str] = {}
        self._uid = self.dice.getrandbits(40)

    def entries(self) -> Iterator[New]:
        """Yield ``n`` entries. What happens at the same time overlaps, by less than two minutes."""
        made = 0
        while made < self.n:
            at = self._moment(made)
            for entry in self._happening():
                if made == self.n:
                    return
                at += timedelta(milliseconds=self.dice.randrange(40, 9_000))
                uid = self._next_uid(at)
                entry["uid"] = str(uid)
                yield New(uid, Sealable(entry, canonical(entry)), at)
                made += 1

    def _moment(self, made: int) -> datetime:
        """Return when something begins after ``made`` entries: evenings are busier than mornings."""
        day, share = divmod(made * self.days / self.n, 1)
        left = share * sum(BUSY_HOURS)
        for hour, busy in enumerate(BUSY_HOURS):
            if left < busy:
                return self.start + timedelta(days=day, hours=hour + left / busy)
            left -= busy
        return self.start + timedelta(days=day + 1)

    def _next_uid(self, at: datetime) -> UUID:
        self._uid += 1 + self.dice.getrandbits(8)
        value = int(at.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62 | self._uid & (1 << 61) - 1
        return UUID(int=value)

    # -- what happens ------------------------------------------------------------------------------------

    def _happening(self) -> list[dict[str, Any]]:
        [agency] = self.dice.choices(self.agencies, self.shares)
        [kind] = self.dice.choices(list(SHARES), list(SHARES.values()))
        made: list[dict[str, Any]] = getattr(self, f"_{kind}")(agency)
        return made

    def _entry(
        self, actor: dict[str, Any], verb: str, thing: tuple[str, str], agency: str, **more: Any
    ) -> dict[str, Any]:
        return {
            "v": 1,
            "actor": actor,
            "verb": verb,
            "object": {"type": thing[0], "id": thing[1], "agency": agency},
            "outcome": {"result": "allowed"},
            **more,
        }

    def _acting(self, agency: Agency) -> dict[str, Any]:
        person = self.dice.choice(agency.people)
        session = self.sessions.setdefault(person["id"], f"{self.dice.getrandbits(64):016x}")
        return person | {"session": session}

    def _alert(self, agency: Agency) -> list[dict[str, Any]]:
        """An alert and all that follows it."""
        dice, code = self.dice, agency.code
        trailer, alert = (
            dice.choice(agency.trailers),
            ("alert", str(UUID(int=dice.getrandbits(128), version=4))),
        )
        device = {"kind": "trailer", "id": trailer, "agency": code, "ip": "10.90.1.7"}
        who = self._acting(agency)
        made = [self._entry(device, "alert.receive", alert, code)]
        made.append(self._entry(who, "alert.acknowledge", alert, code))
        made.append(self._entry(who, "alert.view", alert, code))
        if dice.random() < 0.6:
            made += self._watching(agency, who, trailer)
        if dice.random() < 0.3:
            made += self._watching(agency, self._acting(agency), trailer)
        outcome = dice.choice(("confirmed", "unconfirmed", "unfounded", "equipment"))
        made.append(self._entry(who, "alert.close", alert, code, reason={"code": outcome}))
        return made

    def _watching(self, agency: Agency, who: dict[str, Any], trailer: str) -> list[dict[str, Any]]:
        dice, code, thing = self.dice, agency.code, ("trailer", trailer)
        reason = {"code": dice.choice(REASONS)}
        if dice.random() < 0.93:
            reason["cad"] = f"26-{dice.randrange(100_000, 180_000)}"
        if dice.random() < 0.06:
            refused = {
                "result": "denied",
                "code": dice.choice(("not-acknowledged", "no-right", "alert-closed")),
            }
            return [self._entry(who, "video.live.open", thing, code, reason=reason, outcome=refused)]
        made = [self._entry(who, "video.live.open", thing, code, reason=reason)]
        made += [self._entry(who, "ptz.move", thing, code) for _ in range(dice.randrange(4))]
        if dice.random() < 0.2:
            made.append(self._entry(who, "video.live.extend", thing, code, reason=reason))
        made.append(self._entry(who, "video.live.close", thing, code, reason={"code": "closed"}))
        return made

    def _looking(self, agency: Agency) -> list[dict[str, Any]]:
        alert = ("alert", str(UUID(int=self.dice.getrandbits(128), version=4)))
        return [self._entry(self._acting(agency), "alert.view", alert, agency.code)]

    def _signing(self, agency: Agency) -> list[dict[str, Any]]:
        person = self.dice.choice(agency.people)
        self.sessions[person["id"]] = f"{self.dice.getrandbits(64):016x}"
        who, thing = person | {"session": self.sessions[person["id"]]}, ("user", person["id"])
        if self.dice.random() < 0.03:
            nobody = {"kind": "anonymous", "id": "anonymous", "ip": person["ip"]}
            refused = {"result": "denied", "code": "wrong-password"}
            return [self._entry(nobody, "auth.sign_in_failed", thing, agency.code, outcome=refused)]
        made = [self._entry(who, "auth.sign_in", thing, agency.code)]
        made.append(self._entry(who, "shift.start", thing, agency.code))
        return made

    def _reading(self, agency: Agency) -> list[dict[str, Any]]:
        shown = {
            "result": "allowed",
            "n": self.dice.randrange(51),
            "bytes": self.dice.randrange(9_000, 80_000),
        }
        return [self._entry(agency.officer, "audit.view", ("log", "audit"), agency.code, outcome=shown)]

    def _purging(self, agency: Agency) -> list[dict[str, Any]]:
        purge = {"kind": "system", "id": "purge"}
        thing = ("epoch", f"2026-10-{self.dice.randrange(1, 29):02d}T{self.dice.randrange(24):02d}")
        return [self._entry(purge, "purge.run", thing, "", outcome={"result": "allowed", "n": 3})]


#: How often each kind happens.
SHARES = {"alert": 0.3, "looking": 0.38, "signing": 0.2, "reading": 0.1, "purging": 0.02}
