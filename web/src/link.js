// The view as an address: #room?name=value&...; values at their defaults are left out.

export function readLink() {
  const [room, query = ""] = location.hash.slice(1).split("?");
  return {room, query: Object.fromEntries(new URLSearchParams(query))};
}

export function writeLink(room, values) {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = kept.map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%2F/g, "/").replace(/%20/g, "+")}`).join("&");
  return `#${room}${query ? `?${query}` : ""}`;
}

// A number out of a link, inside its limits, or the default.
export function number(text, otherwise, low = -Infinity, high = Infinity) {
  const value = Number(text);
  return text === undefined || text === "" || !Number.isFinite(value) ? otherwise : Math.min(high, Math.max(low, value));
}

// Bits as text, 8 in a byte, base64 for addresses.
export function packBits(bits) {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => { if (bit) bytes[i >> 3] |= 128 >> (i & 7); });
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function unpackBits(text, count) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
  } catch {
    return null;
  }
  return bytes.length === Math.ceil(count / 8) ? Array.from({length: count}, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1) : null;
}
