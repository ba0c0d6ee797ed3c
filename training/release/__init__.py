"""From weights to a file that ships: calibration, export with proof, measurement, card and figures."""
