// Ways between two latents, as pgan_core.latents draws them.

const norm = (z) => Math.sqrt(z.reduce((sum, value) => sum + value * value, 0));

export const lerp = (a, b, t) => a.map((value, i) => (1 - t) * value + t * b[i]);

function angleBetween(a, b) {
  const [na, nb] = [norm(a), norm(b)];
  let apart = 0, together = 0;
  a.forEach((value, i) => {
    apart += (value / na - b[i] / nb) ** 2;
    together += (value / na + b[i] / nb) ** 2;
  });
  return 2 * Math.atan2(Math.sqrt(apart), Math.sqrt(together));
}

// Latents of two seeds are never parallel: 1e-6 is for the same seed twice.
export function slerp(a, b, t) {
  const angle = angleBetween(a, b), sine = Math.sin(angle);
  if (sine < 1e-6) return lerp(a, b, t);
  const [p, q] = [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return a.map((value, i) => p * value + q * b[i]);
}

// Degrees that the direction of z turns from frame to frame, and the length of z at each.
export function curvesOf(latents) {
  return {
    lengths: latents.map(norm),
    turns: latents.slice(1).map((z, i) => (180 / Math.PI) * angleBetween(latents[i], z)),
  };
}
