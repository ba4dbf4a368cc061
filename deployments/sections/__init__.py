"""The six parts of an application: one form each, for the page and the API alike."""

from .base import SectionForm, Task
from .tasks import SECTION, TITLES, Condition, Listed, conditions_of, ready, tasks_of
from .wire import sections_of

FORMS: dict[str, type[SectionForm]] = {name: module.Form for name, module in SECTION.items()}

__all__ = [
    "FORMS",
    "SECTION",
    "TITLES",
    "Condition",
    "Listed",
    "SectionForm",
    "Task",
    "conditions_of",
    "ready",
    "sections_of",
    "tasks_of",
]
