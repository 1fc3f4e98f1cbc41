"""From raw scans to micrographs: sample sheet, file formats, levelling, rendering."""
