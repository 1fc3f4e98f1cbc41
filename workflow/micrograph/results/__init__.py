"""From predictions to what people read: scores, tables, figures."""
