"""Data sets: where they come from, and how they are cut into batches."""

from tinygen.data.download import DATASETS, cache_dir, find
from tinygen.data.images import ImageData, ImageDataset, load_images
from tinygen.data.loader import DataLoader, Dataset, TensorDataset
from tinygen.data.music import abc_text, chorales, chorales_text
from tinygen.data.text import Vocabulary, Windows, load_text

__all__ = [
    "DATASETS",
    "DataLoader",
    "Dataset",
    "ImageData",
    "ImageDataset",
    "TensorDataset",
    "Vocabulary",
    "Windows",
    "abc_text",
    "cache_dir",
    "chorales",
    "chorales_text",
    "find",
    "load_images",
    "load_text",
]
