"""Convolutional networks trained on photographs, their layers known by Keras' names."""

from tinygen.models.inception import inception_v3
from tinygen.models.network import Network
from tinygen.models.resnet import resnet50
from tinygen.models.small import small
from tinygen.models.squeezenet import squeezenet
from tinygen.models.vgg import vgg16, vgg19
from tinygen.models.weights import OFFICIAL
from tinygen.models.xception import xception

NETWORKS = {
    "inception_v3": inception_v3,
    "vgg19": vgg19,
    "vgg16": vgg16,
    "resnet50": resnet50,
    "xception": xception,
    "squeezenet": squeezenet,
    "small": small,
}

__all__ = [
    "NETWORKS",
    "OFFICIAL",
    "Network",
    "inception_v3",
    "resnet50",
    "small",
    "squeezenet",
    "vgg16",
    "vgg19",
    "xception",
]
