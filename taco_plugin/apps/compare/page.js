'use strict';

// Cells without a value have no data-value and stay last; rows that are equal keep their order.
function sortBy(header) {
  const table = header.closest('table');
  const numeric = header.classList.contains('number');
  const before = header.getAttribute('aria-sort');
  const descending = before ? before === 'ascending' : numeric;
  const valueOf = (row) => row.cells[header.cellIndex].dataset.value;
  const compare = numeric
    ? (a, b) => Number(a) - Number(b)
    : new Intl.Collator(undefined, {numeric: true}).compare;
  const rows = [...table.tBodies[0].rows].sort((one, two) => {
    const [a, b] = [valueOf(one), valueOf(two)];
    if (a === undefined || b === undefined) {
      return (a === undefined) - (b === undefined);
    }
    return descending ? compare(b, a) : compare(a, b);
  });
  table.tBodies[0].append(...rows);
  for (const other of table.tHead.rows[0].cells) {
    other.removeAttribute('aria-sort');
  }
  header.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
}

for (const button of document.querySelectorAll('th button')) {
  button.addEventListener('click', () => sortBy(button.closest('th')));
}

const viewer = document.querySelector('dialog');
for (const button of document.querySelectorAll('figure button')) {
  button.addEventListener('click', () => {
    viewer.querySelector('div').replaceChildren(button.querySelector('img').cloneNode());
    viewer.showModal();
  });
}
viewer.addEventListener('click', () => viewer.close());
