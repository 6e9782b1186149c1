"""What can be trained from the command line: a module for each task, and their list.

`task` says what a task is. What several share: `labels` and `sentences` (their answers), `texts`,
`tables` and `steps` (their files).
"""

from rnnkit.cli.tasks.registry import (
    TASKS,
    AnyDataset,
    AnyTask,
    all_columns,
    own_columns,
    refuse_search,
    task_of,
)
from rnnkit.cli.tasks.task import Answer, Asked, Report, Table, Task, Value, columns_of

__all__ = [
    "TASKS",
    "Answer",
    "AnyDataset",
    "AnyTask",
    "Asked",
    "Report",
    "Table",
    "Task",
    "Value",
    "all_columns",
    "columns_of",
    "own_columns",
    "refuse_search",
    "task_of",
]
