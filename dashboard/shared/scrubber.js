// Any frames with one scrubber. data beside the Player's: columns, labels (one a point), test (the wall's data-testid).

export default function (component) {
  const {data, parentElement, setStateValue} = component;
  const root = parentElement.querySelector(".lab-scrubber"), readout = root.querySelector(".lab-readout");
  const nearest = ({from, to, part}) => (part < 0.5 ? from : to);
  root.player ??= new Player(root, {
    show: (place) => { readout.textContent = root.data.labels[root.data.points.indexOf(nearest(place))] ?? ""; },
    settle: (t) => root.settled(t),
  });
  root.settled = (t) => setStateValue("moment", t);
  if (root.data?.identity !== data.identity) {
    root.data = data;
    const wall = root.querySelector(".lab-wall");
    wall.dataset.testid = data.test;
    wall.style.setProperty("--columns", data.columns);
    wall.style.setProperty("--rows", Math.round(data.columns / data.aspect));
    root.player.canvas.style.aspectRatio = data.aspect;
    root.player.load(data);
  }
  return () => { root.player?.stop(); root.player = undefined; root.data = undefined; };
}
