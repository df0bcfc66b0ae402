"""Figures for the quality of generated pictures, computed by the engine itself."""

from tinygen.quality.classifier import SmallNet, TwoSample, accuracy, class_network, probabilities, two_sample_test
from tinygen.quality.distances import frechet_distance, kernel_distance, squared_mmd
from tinygen.quality.features import Features
from tinygen.quality.report import ClassReport, Report, compare, judge_classes

__all__ = [
    "ClassReport",
    "Features",
    "Report",
    "SmallNet",
    "TwoSample",
    "accuracy",
    "class_network",
    "compare",
    "frechet_distance",
    "judge_classes",
    "kernel_distance",
    "probabilities",
    "squared_mmd",
    "two_sample_test",
]
