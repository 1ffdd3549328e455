"""A night played for real, in minutes: plan, priorities, hours, a paused variant, a killed worker, a recycled engine."""
