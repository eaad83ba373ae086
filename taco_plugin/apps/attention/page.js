'use strict';

// Matplotlib's inferno, and what the 16 bits of a place stand for.
const STOPS = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];
const [LOW, SPAN] = [-1, 3];

function colour(share) {
  const place = Math.min(share, 1) * (STOPS.length - 1);
  const at = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[at].map((low, i) => low + (place - at) * (STOPS[at + 1][i] - low));
}

// Maxima, places and weights, as Python packed them.
async function unpack({shape: [layers, heads, queries, ...cells], points, data}) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  const buffer = await new Response(stream).arrayBuffer();
  const count = layers * heads * queries, each = cells.reduce((a, b) => a * b);
  const size = points ? 2 * count * each : 0;
  const peaks = new Float32Array(buffer, 0, count);
  const places = new Uint16Array(buffer, 4 * count, size);
  return {layers, heads, cells, each, points, peaks, places, queries, weights: new Uint8Array(buffer, 4 * count + 2 * size)};
}

// What a query attends to by one head, or by all: the mean of cells, but the points of them all.
function select({heads, queries, each, points, peaks, places, weights}, layer, head, query) {
  const chosen = head === 'mean' ? [...Array(heads).keys()] : [Number(head)];
  const found = new Float32Array(points ? chosen.length * each : each), at = [];
  chosen.forEach((one, number) => {
    const map = (layer * heads + one) * queries + query;
    for (let i = 0; i < each; i++) {
      found[points ? number * each + i : i] += weights[map * each + i] / 255 * peaks[map] / chosen.length;
      at.push([0, 1].map((axis) => LOW + SPAN * places[2 * (map * each + i) + axis] / 65535));
    }
  });
  return {weights: found, places: at, peak: found.reduce((a, b) => Math.max(a, b), 1e-12)};
}

function paint(canvas, {weights, places, peak}, {points, cells}, area, isOver) {
  const context = canvas.getContext('2d');
  Object.assign(canvas.style, {width: `${100 * area[0]}%`, height: `${100 * area[1]}%`});
  if (points) {
    [canvas.width, canvas.height] = [2 * canvas.clientWidth, 2 * canvas.clientHeight];
    for (const i of [...weights.keys()].sort((a, b) => weights[a] - weights[b])) {
      context.fillStyle = `rgb(${colour(0.25 + 0.75 * weights[i] / peak)})`;
      context.beginPath();
      context.arc(places[i][0] * canvas.width, places[i][1] * canvas.height, 3 + 9 * Math.sqrt(weights[i] / peak), 0, 7);
      context.fill();
    }
    return;
  }
  [canvas.height, canvas.width] = cells;
  const image = context.createImageData(canvas.width, canvas.height);
  weights.forEach((weight, i) => {
    image.data.set([...colour(weight / peak), isOver ? 64 + 153 * weight / peak : 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

function mark(view, color, [left, top, right, bottom], name) {
  const box = Object.assign(document.createElement('div'), {className: `box ${name}`});
  const share = (number) => `${100 * number}%`;
  Object.assign(box.style, {left: share(left), top: share(top), borderColor: color});
  if (right !== undefined) {
    Object.assign(box.style, {width: share(right - left), height: share(bottom - top)});
  }
  view.append(box);
}

async function show(image) {
  const section = document.querySelector('template').content.cloneNode(true).firstElementChild;
  const find = (selector) => section.querySelector(selector), views = [...section.querySelectorAll('.view')];
  const maps = await unpack(image.maps), ofPoints = image.of_points && await unpack(image.of_points);
  let kind = '', number = 0;

  function draw(...chosen) {
    [kind, number] = chosen.length > 1 ? chosen : [kind, number];
    const used = kind === 'point' ? ofPoints : maps, head = find('[name=head]').value;
    const layer = Math.min(find('[name=layer]').value, used.layers) - 1;
    const map = kind && select(used, layer, head, number);
    views.forEach((view, index) => {
      view.querySelectorAll('.box').forEach((box) => box.remove());
      image.detections.forEach(({color, box}, i) => {
        mark(view, color, box, kind === 'box' && number === i ? 'shown' : '');
      });
      if (map) {
        paint(view.querySelector('canvas'), map, used, image.area, index === 0);
      }
      if (kind === 'point') {
        mark(view, 'black', image.points[number], 'point');
      }
    });
    section.querySelectorAll('button').forEach((button, i) => {
      button.setAttribute('aria-pressed', kind === 'box' && number === i);
    });
    if (map) {
      const at = image.points[number]?.map((share, i) => Math.round(share * image.size[i]));
      const what = kind === 'point' ? `Encoder, from ${at.join(', ')}` : image.detections[number].title;
      const how = `, layer ${layer + 1}, ${head === 'mean' ? 'mean of the heads' : `head ${Number(head) + 1}`}`;
      find('.what').textContent = ofPoints ? `${what}${how}: at most ${(100 * map.peak).toPrecision(2)} % in one place` : what;
    }
  }

  views[0].addEventListener('click', (event) => {
    const frame = views[0].getBoundingClientRect();
    const at = [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
    const isIn = ({box}) => box[0] <= at[0] && at[0] <= box[2] && box[1] <= at[1] && at[1] <= box[3];
    const size = ({box}) => (box[2] - box[0]) * (box[3] - box[1]);
    const [hit] = image.detections.filter(isIn).sort((a, b) => size(a) - size(b));
    const far = image.points.map((point) => Math.hypot(...point.map((n, i) => (n - at[i]) * image.size[i])));
    if (hit && !(event.shiftKey && ofPoints)) {
      draw('box', image.detections.indexOf(hit));
    } else if (ofPoints) {
      draw('point', far.indexOf(Math.min(...far)));
    }
  });
  find('h2').textContent = image.name;
  views.forEach((view) => {
    view.style.aspectRatio = `${image.size[0]} / ${image.size[1]}`;
    view.firstElementChild.src = image.uri;
  });
  image.detections.forEach(({title, color}, i) => {
    const button = Object.assign(document.createElement('button'), {type: 'button', textContent: `${i + 1} ${title}`});
    button.style.borderLeftColor = color;
    button.addEventListener('click', () => draw('box', i));
    find('.list').append(button);
  });
  const layers = Math.max(maps.layers, ofPoints?.layers ?? 0);
  Array(layers).keys().forEach((i) => find('[name=layer]').add(new Option(i + 1)));
  Array(maps.heads).keys().forEach((i) => find('[name=head]').add(new Option(i + 1, i)));
  find('[name=layer]').value = layers;
  section.querySelectorAll('select').forEach((list) => {
    list.addEventListener('change', () => draw());
    list.parentElement.hidden = !ofPoints;
  });
  document.querySelector('main').append(section);
  draw(image.detections.length ? 'box' : '', 0);
}

(async () => {
  for (const image of JSON.parse(document.querySelector('[type="application/json"]').textContent)) {
    await show(image);
  }
})();
