"use strict";

// The decoder of the VAE. A tensor is {data: Float32Array, shape}: (L) for a point, (C, H, W) for feature maps and for
// the picture. A layer is a function of a tensor and of what the page carries for that layer: weights, sizes.

/** y[o] = bias[o] + sum over i of weight[o, i] x[i] */
function linear(x, { weight, bias }) {
  const inputs = x.data.length;
  const y = bias.map((start, o) => {
    let sum = start;
    for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i] * x.data[i];
    return sum;
  });
  return { data: y, shape: [y.length] };
}

/** y = max(x, 0) */
function relu(x) {
  return { data: x.data.map((value) => Math.max(value, 0)), shape: x.shape };
}

/** The same numbers with other axes. */
function reshape(x, { shape }) {
  return { data: x.data, shape };
}

/**
 * 3 x 3, stride 2: every number of x lays a patch of 3 x 3 on y, two places from that of its neighbour. "Same" as Keras
 * has it: y is twice as high and wide; its last row and column, one too many, are cut off.
 * y[o, 2 r + i, 2 c + j] = bias[o] + sum over all (n, r, c, i, j) of weight[n, o, i, j] x[n, r, c]
 */
function convTranspose2d(x, { weight, bias }) {
  const [inputs, height, width] = x.shape;
  const [outputs, rows, columns] = [bias.length, 2 * height + 1, 2 * width + 1];
  const y = new Float32Array(outputs * rows * columns);
  for (let o = 0; o < outputs; o++) {
    y.fill(bias[o], o * rows * columns, (o + 1) * rows * columns);
    for (let n = 0; n < inputs; n++) {
      const [a, b, c, d, e, f, g, h, i] = weight.subarray(9 * (n * outputs + o), 9 * (n * outputs + o + 1));
      for (let r = 0; r < height; r++) {
        for (let q = 0; q < width; q++) {
          const value = x.data[(n * height + r) * width + q];
          if (value === 0) continue; // relu leaves many
          const top = (o * rows + 2 * r) * columns + 2 * q;
          const [middle, bottom] = [top + columns, top + 2 * columns];
          y[top] += a * value; y[top + 1] += b * value; y[top + 2] += c * value;
          y[middle] += d * value; y[middle + 1] += e * value; y[middle + 2] += f * value;
          y[bottom] += g * value; y[bottom + 1] += h * value; y[bottom + 2] += i * value;
        }
      }
    }
  }
  return crop({ data: y, shape: [outputs, rows, columns] }, { height: 2 * height, width: 2 * width });
}

/**
 * 3 x 3, stride 1, "same": around x there are zeros.
 * y[o, r, c] = bias[o] + sum over (n, i, j) of weight[o, n, i, j] x[n, r + i - 1, c + j - 1]
 */
function conv2d(x, { weight, bias }) {
  const [inputs, height, width] = x.shape;
  const outputs = bias.length;
  const y = new Float32Array(outputs * height * width);
  const framed = frame(x).data;
  const columns = width + 2;
  for (let o = 0; o < outputs; o++) {
    y.fill(bias[o], o * height * width, (o + 1) * height * width);
    for (let n = 0; n < inputs; n++) {
      const [a, b, c, d, e, f, g, h, i] = weight.subarray(9 * (o * inputs + n), 9 * (o * inputs + n + 1));
      for (let r = 0; r < height; r++) {
        for (let q = 0; q < width; q++) {
          const top = (n * (height + 2) + r) * columns + q;
          const [middle, bottom] = [top + columns, top + 2 * columns];
          y[(o * height + r) * width + q] += a * framed[top] + b * framed[top + 1] + c * framed[top + 2]
            + d * framed[middle] + e * framed[middle + 1] + f * framed[middle + 2]
            + g * framed[bottom] + h * framed[bottom + 1] + i * framed[bottom + 2];
        }
      }
    }
  }
  return { data: y, shape: [outputs, height, width] };
}

/** A frame of zeros, one wide, around every map. */
function frame(x) {
  const [channels, height, width] = x.shape;
  const y = new Float32Array(channels * (height + 2) * (width + 2));
  for (let n = 0; n < channels; n++) {
    for (let r = 0; r < height; r++) {
      const from = (n * height + r) * width;
      y.set(x.data.subarray(from, from + width), (n * (height + 2) + r + 1) * (width + 2) + 1);
    }
  }
  return { data: y, shape: [channels, height + 2, width + 2] };
}

/** The upper left part: a side that 2 or 4 does not divide has come out longer. */
function crop(x, { height, width }) {
  const [channels, rows, columns] = x.shape;
  if (rows === height && columns === width) return x;
  const y = new Float32Array(channels * height * width);
  for (let n = 0; n < channels; n++) {
    for (let r = 0; r < height; r++) {
      const from = (n * rows + r) * columns;
      y.set(x.data.subarray(from, from + width), (n * height + r) * width);
    }
  }
  return { data: y, shape: [channels, height, width] };
}

/** y = 1 / (1 + exp(-x)) */
function sigmoid(x) {
  return { data: x.data.map((value) => 1 / (1 + Math.exp(-value))), shape: x.shape };
}

const LAYERS = { linear, relu, reshape, convTranspose2d, conv2d, crop, sigmoid };

/** Turn a point z, an array of L numbers, into bytes (C, H, W): {data: Uint8ClampedArray, shape}. */
function decode(network, z) {
  let x = { data: Float32Array.from(z), shape: [z.length] };
  for (const layer of network) x = LAYERS[layer.kind](x, layer);
  return { data: Uint8ClampedArray.from(x.data, (value) => 255 * value), shape: x.shape }; // rounds
}

/** The bytes of a base64 text as an array of the given kind. */
function fromBase64(text, Kind = Float32Array) {
  return new Kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}
