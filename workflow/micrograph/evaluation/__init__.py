"""From predictions to scores, intervals, tables, conclusions."""
