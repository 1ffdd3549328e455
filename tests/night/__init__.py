"""A night played for real, in minutes: plan, priorities, hours, a stuck compute unit, a killed worker, notices."""
