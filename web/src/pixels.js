// Floats of the generator as pixels: clamped and rounded to the nearest, as pgan_core.pictures.to_uint8 does.

const byte = (value) => { // to the nearest even at a half, as numpy rounds
  const scaled = value * 127.5 + 127.5, low = Math.floor(scaled), rest = scaled - low;
  const whole = rest === 0.5 ? low + (low & 1) : Math.round(scaled);
  return whole < 0 ? 0 : whole > 255 ? 255 : whole;
};

// Picture number n of N x C x r x r (C 1 or 3) as ImageData.
function imageData({data, dims: [, channels, height, width]}, n = 0) {
  const pixels = new ImageData(width, height), area = width * height, first = n * channels * area;
  for (let i = 0; i < area; i++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * i + channel] = byte(data[first + (channels === 3 ? channel * area : 0) + i]);
    }
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

export function canvasOf(width, height = width) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, {width, height});
  return canvas;
}

export function pictureCanvas(images, n = 0) {
  const pixels = imageData(images, n), canvas = canvasOf(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

// All pictures of a batch side by side in rows.
export function sheetOf(images, columns) {
  const [count, , side] = images.dims, canvas = canvasOf(columns * side, Math.ceil(count / columns) * side);
  const context = canvas.getContext("2d");
  for (let n = 0; n < count; n++) context.putImageData(imageData(images, n), (n % columns) * side, Math.floor(n / columns) * side);
  return canvas;
}

// Figure 2 by hand: enlarged old and new, N x C x r x r floats before the output function, to what is shown.
export function blend(old, fresh, alpha, output, outputFirst) {
  const [count, channels, side] = fresh.dims, half = side / 2, data = new Float32Array(fresh.data.length);
  const ends = {linear: (x) => x, tanh: Math.tanh, clamp: (x) => Math.min(1, Math.max(-1, x))}[output];
  for (let plane = 0; plane < count * channels; plane++) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const i = (plane * side + y) * side + x, b = fresh.data[i];
        const a = old ? old.data[(plane * half + (y >> 1)) * half + (x >> 1)] : b;
        data[i] = outputFirst ? (1 - alpha) * ends(a) + alpha * ends(b) : ends(a + alpha * (b - a));
      }
    }
  }
  return {data, dims: fresh.dims};
}

// viridis at five places, as the app's heat maps.
const HEAT = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

export function heat(share) {
  const place = Math.min(1, Math.max(0, share)) * (HEAT.length - 1), low = Math.min(Math.floor(place), HEAT.length - 2);
  return HEAT[low].map((value, i) => value + (place - low) * (HEAT[low + 1][i] - value));
}
