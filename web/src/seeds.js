// Latents of seeds as the lab makes them everywhere: numpy's RandomState(seed).randn(length), so that a seed is the same
// picture here, in the app and in NVIDIA's scripts. The Mersenne Twister and the polar method of Marsaglia.

const N = 624, M = 397;

class RandomState {
  constructor(seed) {
    this.state = new Uint32Array(N);
    this.state[0] = seed >>> 0;
    for (let i = 1; i < N; i++) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = (Math.imul(1812433253, before) + i) >>> 0;
    }
    this.index = N;
    this.spare = null; // the polar method gives two numbers at a time
  }

  refill() {
    const s = this.state;
    for (let i = 0; i < N; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % N] & 0x7fffffff);
      s[i] = s[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.index = 0;
  }

  word() {
    if (this.index >= N) this.refill();
    let y = this.state[this.index++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  uniform() {
    const high = this.word() >>> 5, low = this.word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  normal() {
    if (this.spare !== null) {
      const kept = this.spare;
      this.spare = null;
      return kept;
    }
    let x, y, square;
    do {
      x = 2 * this.uniform() - 1;
      y = 2 * this.uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    this.spare = factor * x;
    return factor * y;
  }
}

export const MAX_SEED = 2 ** 32 - 1;

export function latentOfSeed(seed, length) {
  const random = new RandomState(seed);
  return Float32Array.from({length}, () => random.normal());
}

// seed, seed + 1, ...; after the last seed of all comes 0.
export const followingSeeds = (seed, count) => Array.from({length: count}, (_, i) => (seed + i) % (MAX_SEED + 1));
