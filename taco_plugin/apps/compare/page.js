'use strict';

// Cells without a value have no data-value and stay last; rows that are equal keep their order.
function sortBy(header) {
  const table = header.closest('table');
  const numeric = header.classList.contains('number');
  const before = header.getAttribute('aria-sort');
  const descending = before ? before === 'ascending' : numeric;
  const valueOf = (row) => row.cells[header.cellIndex].dataset.value;
  const compare = numeric
    ? (a, b) => a - b
    : new Intl.Collator(undefined, {numeric: true}).compare;
  const rows = [...table.tBodies[0].rows].sort((one, two) => {
    const [a, b] = [valueOf(one), valueOf(two)];
    if (a === undefined || b === undefined) {
      return (a === undefined) - (b === undefined);
    }
    return descending ? compare(b, a) : compare(a, b);
  });
  table.tBodies[0].append(...rows);
  table.querySelector('[aria-sort]')?.removeAttribute('aria-sort');
  header.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
}

const viewer = document.querySelector('dialog');
viewer.addEventListener('click', () => viewer.close());
document.addEventListener('click', ({target}) => {
  const header = target.closest('th button')?.parentElement;
  const picture = target.closest('figure button')?.firstElementChild;
  if (header) {
    sortBy(header);
  } else if (picture) {
    viewer.replaceChildren(picture.cloneNode());
    viewer.showModal();
  }
});
