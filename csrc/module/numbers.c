/* The objects of numbers: those that repeat are made once. */
#include "module.h"

/* Python keeps small ones too, but a call away. */
enum { FEWEST = -1, MOST = 256 };
static PyObject *few[MOST - FEWEST + 1];

bool sn_numbers_init(void)
{
    for (int i = FEWEST; i <= MOST; i++)
        if (few[i - FEWEST] == NULL && (few[i - FEWEST] = PyLong_FromLong(i)) == NULL)
            return false;
    return true;
}

PyObject *sn_int(long long number)
{
    return FEWEST <= number && number <= MOST ? Py_NewRef(few[number - FEWEST]) : PyLong_FromLongLong(number);
}

PyObject *sn_int_again(sn_last *last, long long number)
{
    PyObject *object;
    if (last->object != NULL && last->number == number)
        return Py_NewRef(last->object);
    object = sn_int(number);
    if (object != NULL) {
        Py_XDECREF(last->object);
        last->object = Py_NewRef(object);
        last->number = number;
    }
    return object;
}
