"""The scenario runner: from typed scenarios to exchanges, events and an exit code."""
