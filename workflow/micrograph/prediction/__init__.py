"""The final model, trained on all samples of a study, and its predictions for new scans."""
