"""Any folder of scans, without a study: height maps, pictures, measures, and a check of the levelling."""
