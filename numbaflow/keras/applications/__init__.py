"""Known architectures as models, without trained weights."""
from .resnet50 import ResNet50

__all__ = ["ResNet50"]
