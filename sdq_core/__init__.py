"""The ground floor: values, errors, settings, models, images and the queue."""
