// The widest that `pixels` can be shown in `room` CSS pixels without blur, as {bitmap, css}: a whole multiple of them in
// device pixels, or, where not even one fits, a half, a quarter.
function wholeMultiple(pixels, room) {
  const ratio = window.devicePixelRatio || 1, fit = Math.max(room * ratio, 1);
  let bitmap = pixels * Math.max(1, Math.min(Math.floor(fit / pixels), Math.floor(2048 / pixels)));
  while (bitmap > fit && bitmap % 2 === 0) bitmap /= 2;
  return {bitmap, css: bitmap / ratio};
}
