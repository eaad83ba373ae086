'use strict';

const {classes, photographs, threshold} = JSON.parse(document.querySelector('[type="application/json"]').textContent);
const find = (selector) => document.querySelector(selector), sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const [main, map, dialog, slider, back] = ['main', 'svg', 'dialog', '[name=score]', '[name=back]'].map(find);
const STEPS = [...Array(60).keys()].map((i) => Number(`${[1, 2, 5][i % 3]}e${Math.floor(i / 3) - 10}`));
const chosen = new Set(); // labels; none of them means all
let place = null, spots = [], shown = [], enlarged = null; // place: the photographs of a spot; spots: circles on the map
const count = (number, one) => `${number} ${one}${number === 1 ? '' : 's'}`;
const isShown = ([label, score]) => score >= Number(slider.value) && (!chosen.size || chosen.has(label));

function make(tag, attributes = {}, ...children) {
  const space = ['circle', 'g', 'line', 'text', 'title'].includes(tag) ? '2000/svg' : '1999/xhtml';
  const made = document.createElementNS(`http://www.w3.org/${space}`, tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

for (const one of photographs) {
  const counts = make('span'), image = make('img', {src: `data:image/webp;base64,${one.image}`, alt: '', decoding: 'async'});
  const boxes = one.objects.map(([label, score, ...sides]) => {
    const {name, color} = classes[label], [left, top, width, height] = sides.map((percent) => `${percent}%`);
    const box = make('span', {class: sides[0] > 60 ? 'box right' : 'box'}, make('b', {}, `${name} ${score.toFixed(2)}`));
    Object.assign(box.style, {color, left, top, width, height});
    return box;
  });
  const view = make('span', {class: 'view'}, image, ...boxes.toReversed()); // the surest on top
  const button = make('button', {'aria-label': `Enlarge ${one.name}`}, view);
  const figure = make('figure', {}, button, make('figcaption', {}, make('b', {title: one.name}, one.name), counts));
  figure.style.setProperty('--ratio', Math.min(Math.max(one.size[0] / one.size[1], 0.6), 3));
  view.style.setProperty('--shape', one.size[0] / one.size[1]);
  button.onclick = () => enlarge(one);
  Object.assign(one, {boxes, counts, figure, view});
}
const located = photographs.filter((one) => one.place?.length);
const buttons = classes.map(({color}, label) => {
  const button = find('.classes').appendChild(make('button'));
  button.style.borderLeft = `0.6rem solid ${color}`;
  button.onclick = () => filter(chosen.delete(label) || chosen.add(label));
  return button;
});

function filter() {
  const totals = classes.map(() => 0), isPicky = chosen.size || find('[name=litter]').checked;
  for (const one of photographs) {
    const counts = classes.map(() => 0), isHere = !place || place.has(one);
    one.objects.forEach((object, i) => {
      one.boxes[i].hidden = !isShown(object);
      counts[object[0]] += isShown(object);
      totals[object[0]] += isHere && object[1] >= Number(slider.value);
    });
    one.counts.textContent = classes.map(({name}, i) => counts[i] && `${name} ${counts[i]}`).filter(Boolean).join(', ');
    Object.assign(one, {litter: sum(counts), fits: !isPicky || counts.some(Boolean)});
    one.figure.hidden = !(one.fits && isHere);
  }
  const order = find('select').value ? photographs.toSorted((a, b) => b.litter - a.litter) : photographs;
  order.some(({figure}, i) => figure !== main.children[i]) && main.append(...order.map(({figure}) => figure));
  buttons.forEach((button, label) => {
    button.textContent = `${classes[label].name} ${totals[label]}`;
    Object.assign(button, {ariaPressed: chosen.has(label), hidden: !totals[label] && !chosen.has(label)});
  });
  shown = order.filter(({figure}) => !figure.hidden);
  const litter = count(sum(shown.map((one) => one.litter)), 'object');
  find('.status span').textContent = `${count(shown.length, 'photograph')} of ${photographs.length}, ${litter}`;
  find('output').textContent = Number(slider.value).toFixed(2);
  back.hidden = !place;
  spots.forEach(showSpot);
}

function showSpot({spot, all}) {
  const those = all.filter((one) => one.fits), litter = sum(those.map((one) => one.litter)), [title, circle, number] = spot.children;
  circle.setAttribute('r', Math.min(24, (those.length > 1 ? 10 : 6) + Math.sqrt(litter)));
  spot.setAttribute('class', those.length ? `spot ${litter ? '' : 'clean'}` : 'empty');
  spot.ariaLabel = title.textContent = `${count(those.length, 'photograph')}, ${count(litter, 'object')}`;
  spot.ariaPressed = place?.size === all.length && place.has(all[0]);
  number.textContent = those.length > 1 ? those.length : '';
}

// Equirectangular, true to scale in its middle; photographs near one another share a spot.
function drawMap(those) {
  const sides = [map.clientHeight, map.clientWidth], [height, width] = sides;
  const ends = [0, 1].map((axis) => [Math.min, Math.max].map((end) => end(...those.map((one) => one.place[axis]))));
  const middle = ends.map(([low, high]) => (low + high) / 2), shrink = Math.max(Math.cos(middle[0] * Math.PI / 180), 0.01);
  const spans = ends.map(([low, high], axis) => Math.max(high - low, 0.001) * (axis ? shrink : 1));
  const scale = Math.max(1, Math.min((height - 100) / spans[0], (width - 130) / spans[1])), scales = [-scale, shrink * scale];
  const project = (degrees, axis) => sides[axis] / 2 + (degrees - middle[axis]) * scales[axis];
  const metres = STEPS.findLast((one) => one <= 150 * 111195 / scale), end = width - 16, start = end - metres / 111195 * scale;
  const length = make('text', {x: end, y: 18, 'text-anchor': 'end'}, metres < 1000 ? `${metres} m` : `${metres / 1000} km`);
  map.setAttribute('viewBox', `0 0 ${width} ${height}`);
  map.replaceChildren(make('line', {class: 'scale', x1: start, x2: end, y1: 26, y2: 26}), length);
  ['NS', 'EW'].forEach((names, axis) => {
    const pixels = Math.abs(scales[axis]), step = STEPS.findLast((one) => one <= 150 / pixels), reach = sides[axis] / 2 / pixels;
    for (let i = Math.ceil((middle[axis] - reach) / step); i * step < middle[axis] + reach; i++) {
      const at = project(i * step, axis), digits = Math.max(0, -Math.floor(Math.log10(step)));
      const label = `${Math.abs(i * step).toFixed(digits)}° ${names[Number(i < 0)]}`;
      map.append(make('line', axis ? {x1: at, x2: at, y2: height} : {y1: at, y2: at, x2: width}));
      map.append(make('text', axis ? {x: at + 4, y: height - 6} : {x: 4, y: at - 4}, label));
    }
  });
  spots = [];
  for (const one of those) {
    const [y, x] = one.place.map(project), all = spots.find((spot) => Math.hypot(spot.x - x, spot.y - y) < 26)?.all ?? [];
    if (all.push(one) === 1) {
      const parts = [make('title'), make('circle', {cx: x, cy: y}), make('text', {x, y: y + 4})];
      const spot = map.appendChild(make('g', {role: 'button', tabindex: 0}, ...parts));
      spot.onclick = () => choose(all);
      spot.onkeydown = (event) => [' ', 'Enter'].includes(event.key) && choose(all, event.preventDefault());
      spots.push({x, y, all, spot});
    }
  }
}

function choose(those) {
  const isWide = !those || new Set(those.map((one) => one.place.join())).size > 1;
  place = those && new Set(those);
  isWide && drawMap(those ?? located);
  filter();
  those && isWide && back.focus();
}

function enlarge(one) {
  [enlarged, find('a').href, find('h2').textContent] = [one, one.link, one.name];
  find('dialog p').textContent = one.counts.textContent || 'no litter';
  find('dialog div').replaceChildren(one.view.cloneNode(true));
  dialog.open || dialog.showModal();
}

const turn = (pages) => shown[shown.indexOf(enlarged) + pages] && enlarge(shown[shown.indexOf(enlarged) + pages]);
slider.min = slider.value = Math.min(1, Math.floor(100 * threshold) / 100);
find('.filters').oninput = () => filter();
back.onclick = () => choose(null);
dialog.onclick = ({target}) => (target.name === 'close' || target === dialog ? dialog.close() : turn(Number(target.value)));
dialog.onkeydown = ({key}) => turn({ArrowLeft: -1, ArrowRight: 1}[key]);
located.length ? choose(null) : filter();
